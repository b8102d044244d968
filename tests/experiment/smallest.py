"""The smallest config that is whole, and two that train in seconds."""

SMALLEST = """\
[run]
name = test
[paths]
data = somewhere
[task]
name = MaskTask
[dataset]
name = SplitByProfileDataset
[images]
size = 32, 24
[model]
name = TinyNet
[train]
epochs = 1
"""

# Of drawn people; {data} and {work} are folders.
SMALL_RUN = """
[run]
name = test
seed = 7
device = cpu
[paths]
data = {data}
runs = {work}/runs
cache = {work}/cache
[task]
name = MaskTask
[dataset]
name = SplitByProfileDataset
[images]
size = 32, 24
[model]
name = TinyNet
width = 4
[train]
epochs = 1
batch_size = 16
"""

# Of handwritten digits, as tests/digits.py writes them; a test adds [task], [dataset] and [train].
DIGITS_RUN = """
[run]
name = {name}
seed = 3
device = cpu
[paths]
data = {work}/data
runs = {work}/runs
cache = {work}/cache
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
[optimizer]
name = AdamW
lr = 0.004
"""
