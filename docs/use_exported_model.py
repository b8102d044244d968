"""Predict photos with a model.onnx that `--mode export` wrote, without Podium and without PyTorch.

pip install numpy opencv-python-headless onnxruntime
python use_exported_model.py runs/mine/001/model.onnx photo.jpg another.jpg

For a model that sees columns of a table, these stand behind each photo; what does not is missing:
python use_exported_model.py runs/mine/001/model.onnx photo.jpg age=61 site=north another.jpg age=44

It prints the likeliest label, or all that reach their thresholds, and every probability. What else a task
decides by, such as the median of grades or a path through levels, is among the file's facts and left to you.
"""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

if len(sys.argv) < 3:
    sys.exit(__doc__)
if not Path(sys.argv[1]).is_file():
    sys.exit(f"There is no {sys.argv[1]}: --mode export writes it.")
try:
    session = onnxruntime.InferenceSession(sys.argv[1])
    facts = {name: json.loads(text) for name, text in session.get_modelmeta().custom_metadata_map.items()}
except Exception as error:  # its classes have no other base
    sys.exit(f"{sys.argv[1]} can't be used: {str(error).splitlines()[0]}")
if "spaces" not in facts:
    sys.exit(f"{sys.argv[1]} does not say what its labels are: it is none that --mode export wrote.")


def middle(image, size, centre=(0.5, 0.5)):
    """The part of this height and width around a centre, which gives way to the edges."""
    for axis, (wanted, at) in enumerate(zip(size, centre, strict=True)):
        start = round(at * image.shape[axis] - wanted / 2)
        start = max(0, min(start, image.shape[axis] - wanted))
        image = image.take(range(start, min(start + wanted, image.shape[axis])), axis)
    return image


def prepare(path):
    """A photo as the model was trained on it: uint8 (3, height, width)."""
    image = cv2.imread(path, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if image is None:
        sys.exit(f"{path} is not there, or no image.")

    if image.dtype == np.uint16 and facts["depth"] != "stretch":  # as many bits as [images] depth says
        image = (image >> (facts["depth"] - 8)).astype(np.uint8)
    if image.dtype != np.uint8:
        sys.exit(f"This model wants images of 8 bits a value, and {path} is of {image.dtype}.")
    image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

    crop, (height, width) = facts["crop"], facts["prepared_size"]
    if crop["name"] == "CentreCrop":
        image = middle(image, crop["size"], crop["centre"])
    elif crop["name"] != "WholeImage":
        sys.exit(f"This model wants images that were cropped by {crop['name']}.")

    smaller = min(width, image.shape[1]), min(height, image.shape[0])
    image = cv2.resize(cv2.resize(image, smaller, interpolation=cv2.INTER_AREA), (width, height))
    if facts["grey"]:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return middle(image, facts["image_size"]).transpose(2, 0, 1)


def number(name, cell):
    """The number in a cell, 0 where it is missing."""
    try:
        return float(cell or 0)
    except ValueError:
        sys.exit(f"{name}={cell} is no number.")


def told(said):
    """What a table says of a photo, by column, as the model was trained on it: float32 (D)."""
    values = []
    for name, column in facts["columns"].items():
        cell = said.get(name, "")
        words = column.get("words", [])
        values += [float(cell == word) for word in words] if words else [number(name, cell)]
        values.append(float(not cell))
    return np.array(values, np.float32)


def answer(space, probabilities):
    """The likeliest label; where any number of labels may be right, those that reach their thresholds."""
    if "thresholds" not in space:
        return space["labels"][probabilities.argmax()]
    limits = np.broadcast_to(space["thresholds"], len(probabilities))
    return ",".join(np.array(space["labels"])[probabilities >= limits]) or "-"


paths, said, spaces = [], [], facts["spaces"]
for argument in sys.argv[2:]:
    name, equals, cell = argument.partition("=")
    if equals and paths and name in facts.get("columns", {}):
        said[-1][name] = cell
    else:
        paths.append(argument)
        said.append({})

inputs = {"images": np.stack([prepare(path) for path in paths])}
if "columns" in facts:
    inputs["features"] = np.stack([told(of_photo) for of_photo in said])
found = session.run(list(spaces), inputs)
for number, path in enumerate(paths):
    for space, probabilities in zip(spaces, found, strict=True):  # each (N, K)
        labels = spaces[space]["labels"]
        each = [f"{label}={p:.6f}" for label, p in zip(labels, probabilities[number], strict=True)]
        print(path, space, answer(spaces[space], probabilities[number]), *each)
