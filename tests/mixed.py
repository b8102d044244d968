"""A small competition with a number: its config; {work} is a folder, {task} and {loss} names with options."""

from tests.experiment.smallest import DIGITS_RUN

CONFIG = (
    DIGITS_RUN.replace("{name}", "mixed")
    + """
[task]
name = {task}
name = CsvDataset
extension = .png
[loss]
name = {loss}
[train]
epochs = 1
batch_size = 16
"""
)
