"""Two images with depth and metadata beside them."""

from pathlib import Path
from typing import Any

import numpy as np
from conftest import make_frame

from recordings import save


def write(folder: Path) -> dict[str, Any]:
    """Two drives of one frame each."""
    rows = ["file_name,weather,hour,group"]
    for i, frame in enumerate(map(make_frame, range(2))):
        save(folder / f"images/{i}.png", frame.image)
        (folder / "images/depth").mkdir(exist_ok=True)
        np.save(folder / f"images/depth/{i}.npy", frame.depth)
        rows.append(f"{i}.png,Clear,12,drive-{i}")
    (folder / "images/metadata.csv").write_text("\n".join(rows) + "\n")
    return {"path": folder / "images"}
