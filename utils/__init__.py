"""What every part shares and nothing here knows of an image: config text, registry, files, seeds."""
