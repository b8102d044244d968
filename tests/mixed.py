"""A small competition with a number: its config; {work} is a folder, {task} and {loss} names with options."""

CONFIG = """
[run]
name = mixed
seed = 3
device = cpu
[paths]
data = {work}/data
runs = {work}/runs
cache = {work}/cache
[task]
name = {task}
name = CsvDataset
extension = .png
[test_dataset]
table = sample.csv
images = test
extension = .png
[images]
size = 16, 16
[model]
name = SmallResNet
widths = 8, 16
blocks = 1, 1
[loss]
name = {loss}
[optimizer]
name = AdamW
lr = 0.004
[train]
epochs = 1
batch_size = 16
"""
