from .domain_balance_head import DomainBalanceHead
from .identity_head import IdentityHead

__all__ = ['DomainBalanceHead', 'IdentityHead']
