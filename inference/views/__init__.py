"""One file for each view of test-time augmentation."""
