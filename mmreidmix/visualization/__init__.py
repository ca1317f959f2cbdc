from .rank_list import draw_rank_lists, draw_table

__all__ = ['draw_rank_lists', 'draw_table']
