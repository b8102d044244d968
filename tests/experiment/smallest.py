"""The smallest config that is whole, and one that trains in seconds."""

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
