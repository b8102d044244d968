"""What test-time augmentation gains."""
