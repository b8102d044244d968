"""What a tracker is told after training: the submission."""
