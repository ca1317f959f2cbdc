"""Version of mmreidmix."""

__version__ = '0.1.0'
