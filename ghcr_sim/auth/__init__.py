"""Who is asking, and what may they do: credentials, the token realm, and the guard at the door."""

from ghcr_sim.auth.accounts import Accounts, Credential, Owner, accounts_of, load_accounts
from ghcr_sim.auth.guard import Guard
from ghcr_sim.auth.realm import Realm

__all__ = ["Accounts", "Credential", "Guard", "Owner", "Realm", "accounts_of", "load_accounts"]
