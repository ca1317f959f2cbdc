"""Videos: trees of folders with a folder per video, and their index."""

from .video_tree import VideoTree

__all__ = ['VideoTree']
