"""What the organiser fixed: files, labels, score and submission; and images on their way to a batch."""
