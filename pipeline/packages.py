"""Packages whose version can change the bytes of a row, named once for all stages."""

BYTE_PACKAGES = (
    "albumentations",
    "embreex",
    "mitsuba",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "pyarrow",
    "pyoidn",
    "segmentation_models_pytorch",
    "torch",
    "torchvision",
)
