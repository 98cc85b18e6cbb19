"""Who is asking, and what may they do: credentials, the token realm, and the guard at the door."""

from ghcr_sim.auth.accounts import Accounts, Credential, Owner, load_accounts
from ghcr_sim.auth.guard import Guard
from ghcr_sim.auth.realm import Realm

__all__ = ["Accounts", "Credential", "Guard", "Owner", "Realm", "load_accounts"]
