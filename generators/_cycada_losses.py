"""The terms that CyCADA adds. Hoffman, Tzeng, Park, Zhu, Isola, Saenko, Efros, Darrell, "CyCADA:
Cycle-Consistent Adversarial Domain Adaptation", ICML 2018.

Legend: N = batch, K = classes; logits are (N, K) or (N, K, H, W).
"""

import torch
from torch import Tensor
from torch.nn import functional


def task_loss(logits: Tensor, answer: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy (equation 1) of answers (N,) or (N, H, W); -1 counts for nothing."""
    if not bool((answer >= 0).any()):
        return 0.0 * logits.sum()
    return functional.cross_entropy(
        logits.float(), answer, ignore_index=-1, label_smoothing=smoothing
    )


def semantic_loss(before: Tensor, after: Tensor) -> Tensor:
    """KL(p(x) | p(G(x))) of what the task network says before and after, mean over N and pixels.

    Equation 4 takes the cross-entropy with the argmax of p(x). With p(x) itself, less its own
    entropy, an unsure reading weighs less, and a G that changes nothing loses nothing.
    """
    p, q = (functional.log_softmax(logits.float(), dim=1) for logits in (before.detach(), after))
    return (p.exp() * (p - q)).sum(dim=1).mean()


def discriminator_loss(translated: Tensor, target: Tensor) -> Tensor:
    """-E[log D(f(G(x_S)))] - E[log(1 - D(f(x_T)))] of logits (equation 2), halved."""
    ours = functional.binary_cross_entropy_with_logits(translated, torch.ones_like(translated))
    theirs = functional.binary_cross_entropy_with_logits(target, torch.zeros_like(target))
    return (ours + theirs) / 2


def alignment_loss(target: Tensor) -> Tensor:
    """-E[log D(f(x_T))] of logits: target features are to pass for those of translated frames.

    The labels are inverted (Goodfellow et al. 2014, section 3; Tzeng et al. 2017, equation 6).
    """
    return functional.binary_cross_entropy_with_logits(target, torch.ones_like(target))
