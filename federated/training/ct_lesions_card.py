"""The lesion network's card, written from its measured figures."""

from __future__ import annotations

from federated.training.ct_lesions import TrainedLesions


def lesion_card(trained: TrainedLesions, version: str, calibration: str, scans: int) -> str:
    """Return the card as Markdown."""
    weights = sum(p.numel() for p in trained.network.parameters())
    return f"""# ct_lesions {version}

**仅供研究，不得用于临床。 Not for clinical use.**

对 CT 肺内病灶候选给出“是病灶”的概率与类型。 Probability that a classical lesion candidate on
chest CT is a lesion, and its kind. It finds nothing by itself: what the classical search does not
bring up is not seen.

## Network

Two 3-D convolutional views of a 48 mm cube at 1.5 mm (density, candidate's outline): one at full
resolution, one twice as wide; {weights} weights; logistic calibration inside the network. To its
log odds those of the classical rules are added with a weight of {trained.rules_weight:.2f}: the
rules measure, the network looks, and together they are better than either (below).

## Measured on the calibration scans

{calibration}. All candidates as the analysis meets them.

| figure | value |
| --- | --- |
| AUC, lesion against nothing, over candidates: network with rules | {trained.auc:.4f} |
| network alone | {trained.network_auc:.4f} |
| classical rules alone | {trained.rules_auc:.4f} |
| threshold (0.5; higher if over 2 false candidates per scan were left) | {trained.threshold:.3f} |
| true candidates at or above it | {trained.sensitivity:.3f} |
| of these with the right kind | {trained.kind_right:.3f} |

FROC on scans, patients and lesions that it never saw: docs/imaging/ct-lesions.md.

## Data and licences

{trained.examples} candidates of {scans} scans: lesions of a generator of its own (noise-warped
metaballs, not the phantoms' shapes) in one real chest (TCIA LCTSC S1-101, CC BY 3.0) and in
lesion-free digital phantoms. The golden inputs are synthetic.

## Known failures

- No tuberculosis CT was seen, in training or in testing. Drawn lesions are not patients' lesions.
- One real chest: other patients' vessels and scars may be called lesions more often than measured.
- Slices over 5 mm, contrast-filled vessels, prone patients, children: not measured.
- A probability holds at the share of lesions among the calibration scans' candidates.
- The two false candidates per scan are those of the chest it learnt from and of phantoms: in a
  patient whom it never saw (ACRIN-NSCLC 042) it left five inside the lungs, all of them hazy.
- Tree-in-bud is seldom rated above the threshold, and a scar may be called tree-in-bud.
- It is asked about at most 260 candidates of each way of finding, the rules' likeliest first: in
  thin slices a nodule that vessels hold on to may not be among them.
"""
