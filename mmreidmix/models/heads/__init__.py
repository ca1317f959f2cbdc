"""Classifiers of identities and of domains."""

from .domain_balance_head import DomainBalanceHead
from .domain_specific_head import DomainSpecificHead
from .identity_head import IdentityHead

__all__ = ['DomainBalanceHead', 'DomainSpecificHead', 'IdentityHead']
