"""Why a frame was refused: a short code to count by, and a sentence that says what was expected."""

from enum import StrEnum


class Reason(StrEnum):
    """Reason codes of the quarantine."""

    UNREADABLE_IMAGE = "unreadable_image"  # truncated, or no picture at all
    UNREADABLE_LAYER = "unreadable_layer"
    OVERSIZED_IMAGE = "oversized_image"
    WRONG_SHAPE = "wrong_shape"
    WRONG_TYPE = "wrong_type"
    SIZE_MISMATCH = "size_mismatch"  # a layer of another size than the image
    UNKNOWN_CLASS = "unknown_class"
    OUTSIDE_LABEL_SPACE = "outside_label_space"
    NAN_DEPTH = "nan_depth"
    NEGATIVE_DEPTH = "negative_depth"
    NEGATIVE_INSTANCE = "negative_instance"
    BOX_OUTSIDE = "box_outside"
    EMPTY_BOX = "empty_box"
    BAD_CAMERA = "bad_camera"
    MISSING_FILE = "missing_file"
    PATH_ESCAPE = "path_escape"  # a path that leaves the dataset's folder
    BAD_METADATA = "bad_metadata"
    DUPLICATE_ID = "duplicate_id"
    EMPTY_LAYER = "empty_layer"  # one value alone
    STALE_BUFFER = "stale_buffer"  # the frame before's, in another view
    OUT_OF_STEP = "out_of_step"  # image and layers of different moments or frames
    SHIFTED_LAYER = "shifted_layer"
    MIRRORED_LAYER = "mirrored_layer"
    FINITE_SKY = "finite_sky"
    BOX_AGAINST_DEPTH = "box_against_depth"
    CANNOT_HONOUR = "cannot_honour"  # a generator was asked for what it cannot draw
    GATE = "gate"  # the oracles no longer see the labels in the image


class BadFrame(ValueError):
    """A frame that cannot enter the record. It goes to quarantine; the run goes on."""

    def __init__(self, reason: Reason, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence

    def __reduce__(self) -> tuple[type["BadFrame"], tuple[Reason, str]]:
        return BadFrame, (self.reason, self.sentence)
