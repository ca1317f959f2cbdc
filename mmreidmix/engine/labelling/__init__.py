"""From images to pseudo labels, without a runner."""
