"""What one registry does differently from another, as data: a model and a TOML file for each."""

from ghcr_sim.profiles.load import load_profile, profile_names
from ghcr_sim.profiles.model import Answer, Profile

__all__ = ["Answer", "Profile", "load_profile", "profile_names"]
