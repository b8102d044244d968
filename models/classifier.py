"""The old place of what is now in ``models/base.py``, ``normalise.py`` and ``checks.py``."""

from models.base import MODELS as MODELS
from models.base import BackboneModel as BackboneModel
from models.base import Classifier as Classifier
from models.checks import check_outputs as check_outputs
from models.checks import explain_small_batches as explain_small_batches
from models.normalise import IMAGENET_MEAN as IMAGENET_MEAN
from models.normalise import IMAGENET_STD as IMAGENET_STD
from models.normalise import Normalise as Normalise
