"""Models outside of PyTorch: export, and the engines that run them."""
