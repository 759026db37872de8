"""Settings with which every part is fitted in a moment, by name."""

from typing import Any

DENOISER: dict[str, Any] = {
    "patch": 1,
    "width": 8,
    "multiples": [1, 1],
    "attention": False,
    "batch_size": 2,
    "steps": 2,
    "mean_steps": 1,
    "draw_batch": 2,
    "min_frames_per_cell": 2,
}
DIFFUSION = {**DENOISER, "calls": 2}
REPAINT = {**DENOISER, "levels": 2, "jump": 1}
PIX2PIX: dict[str, Any] = {
    "width": 4,
    "levels": 2,
    "style_size": 8,
    "noise_size": 3,
    "critic_width": 4,
    "critic_layers": 3,
    "crop_px": 24,
    "batch_size": 2,
    "steps": 2,
    "min_frames_per_cell": 2,
    "perceptual_weight": 0,
}

LATENTS = {"steps": 2, "mean_steps": 1, "autoencoder_steps": 1}

TINY: dict[str, dict[str, Any]] = {
    "ddpm": DIFFUSION,
    "ldm": {
        "width": 8,
        "steps": 2,
        "mean_steps": 1,
        "autoencoder_steps": 1,
        "calls": 2,
        "min_frames_per_cell": 2,
    },
    "superres": {**DIFFUSION, "scale": 2},
    "sdedit": DIFFUSION,
    "dfi": {
        "network": "mobilenet",
        "k": 2,
        "neighbourhood": 3,
        "min_frames_per_cell": 2,
        "iterations": 4,
    },
    "gan": {
        "channels": 4,
        "critic_width": 4,
        "widest": 8,
        "noise_size": 3,
        "style_size": 8,
        "batch_size": 2,
        "steps": 6,
        "min_frames_per_cell": 2,
    },
    "cycada": {
        "width": 4,
        "blocks": 1,
        "critic_width": 4,
        "critic_layers": 3,
        "crop_px": 16,
        "batch_size": 2,
        "steps": 3,
        "task_steps": 1,
        "task_batch_size": 2,
        "learning_rate": 1e-2,
        "min_frames_per_cell": 2,
    },
    "cyclegan": {
        "width": 4,
        "blocks": 1,
        "critic_width": 4,
        "critic_layers": 3,
        "crop_px": 24,
        "batch_size": 2,
        "steps": 3,
        "learning_rate": 1e-2,
        "min_frames_per_cell": 2,
    },
    "pca": {"components": 3, "min_frames_per_cell": 2},
    "instruct": {**DIFFUSION, "reading_steps": 1},
    "joint": {"inner_settings": {**PIX2PIX, "uses_parent": False}},
    "insert": {
        "classes": ("vehicle",),
        "least_seen": 0.4,
        "repaint": REPAINT,
    },
    "pix2pix": PIX2PIX,
    "repaint": REPAINT,
    "vae": {
        "code_size": 3,
        "width": 2,
        "steps": 2,
        "batch_size": 2,
        "min_frames_per_cell": 2,
    },
    "street": {"scenes": 2, "width": 48, "height": 32, "quality": "preview"},
}
