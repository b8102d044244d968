"""The smallest config that is whole."""

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
