"""From a trained model to predictions and a submission."""
