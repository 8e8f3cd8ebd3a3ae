"""The version, in one place: packaging, ``rtcsplit --version`` and metrics read it here."""

__version__ = "0.1.0.dev0"
