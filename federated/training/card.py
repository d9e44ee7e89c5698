"""The model card, written from the measured figures."""

from __future__ import annotations

from federated.training.dr_tb import PAIRS_WEIGHT, POOL, Trained

_MEANING = {
    "nih_normal": "NIH ChestX-ray8 “no finding”, reporting half · false positives",
    "nih_pneumonia": "NIH ChestX-ray8 pneumonia, not TB, reporting half · false positives",
    "covid_cxr": "covid-chestxray (COVID-19, other pneumonias), reporting half · false positives",
    "tbx11k_tb": "TBX11K tuberculosis (active or latent), never taught · sensitivity",
}


def model_card(trained: Trained, version: str) -> str:
    """Return the card as Markdown."""
    return "\n".join(
        [_head(version), _accuracy(trained), _company(trained), _sources(trained), _TAIL]
    )


def _head(version: str) -> str:
    return f"""# dr_tb {version}

**仅供研究，不得用于临床。 Not for clinical use.**

胸部正位 X 线片结核可疑度评分（0…1）、区间、热图、各肺野受累比例与“超出训练范围”提示。 Suspicion
score (0…1), interval, heat map, share of each lung zone that is affected, and “outside what was
taught” for tuberculosis on a frontal chest radiograph. "Positive" means "suspected, above the
threshold".

## Network

Fixed oriented filter bank (four octaves, eight orientations, 16 kernels of 17 x 17), log energy;
beside it a small convolutional network (marks of affected lung, cavity, effusion) that learnt from
{POOL} samples of NIH normals with and without drawn disease under drawn appearance. Both pooled to
8 x 8 cells of the aligned chest, with left-right asymmetry; ridge logistic head taught on `da` and,
with the weight of {PAIRS_WEIGHT:g} of it, on pairs of one image with and without drawn disease from
three other sources (pneumonias among them). Each filter is levelled by its mean over the image's
lungs, and the directions that tell sources of one class apart are taken out before the head is
fitted. Platt calibration on out-of-fold decisions of `da`. The heat map is each place's share of
the log odds, exactly."""


def _accuracy(trained: Trained) -> str:
    found = trained.validation
    by_seed = ", ".join(f"{value:.3f}" for value in found.auc_by_seed)
    return f"""
## Measured

`da`, the one source that holds both classes (52 tuberculosis, 52 not), 5-fold cross-validation by
patient, repeated over three splits, left-out folds only:

| figure | value (95 % interval) |
| --- | --- |
| AUC of the mean out-of-fold score (bootstrap over patients) | {found.auc} |
| AUC by split | {by_seed} |
| threshold | {found.threshold:.3f} |
| sensitivity at it (Wilson; set on these scores to reach 90 %) | {found.sensitivity} |
| specificity at it (Wilson) | {found.specificity} |

The filters' design was chosen earlier on the same 104 images among about seventy variants, the
head's company among about thirty, by transfer and drawn disease first (of TBX11K by one half of the
patients; its row below holds both): the figure is optimistic by a little. A published unseen test
split exists and is not among the data."""


def _company(trained: Trained) -> str:
    marks, held = trained.marks, trained.coverage
    return f"""
Interval: {held.reach:.2f} spreads (in log odds) of {len(trained.head.members)} heads of resampled
patients, to either side. It is stated for the score of a head taught on other patients of the same
source: the reach was set on thirds of `da` that share no patient, and on other such thirds
({held.looks} looks) it held that score in {held.covered:.1%}; median width there {held.width:.2f}.

Marks, on drawn disease in normals of patients that the network never saw (no real outlines are at
hand):

| figure | value |
| --- | --- |
| Dice of affected places | {marks.dice:.3f} |
| error of the affected share of the image, 95 % of images below | {marks.area_error:.3f} |
| AUC, disease drawn or not | {marks.image_auc:.3f} |
| AUC, drawn cavity or other drawn disease | {marks.cavity_auc:.3f} |
| sensitivity, specificity of “suspected cavity” | {marks.cavity_sensitivity:.3f}, \
{marks.cavity_specificity:.3f} |

“Outside what was taught”: distance above {trained.novelty_limit:.2f} deviations, the 97.5 %
quantile of left-out images of the taught sources."""


def _sources(trained: Trained) -> str:
    rows = "\n".join(
        f"| {_MEANING.get(t.name, t.name)} | {t.images} | {t.positive} | {t.outside:.1%} |"
        for t in trained.transfer
    )
    probes = "\n".join(
        f"| {p.what} | {p.images} | {p.balanced_accuracy:.3f} | {p.chance:.2f} |"
        for p in trained.probes
    )
    return f"""
One source, two answers: the same untaught NIH normals with and without drawn disease are told apart
with AUC {trained.pairs_auc}.

Transfer: share at or above the one threshold. Class and source are confounded in these sets; no AUC
across them is evidence, and none is given.

| set | images | share positive (Wilson 95 %) | outside what was taught |
| --- | --- | --- | --- |
{rows}

Source probe: balanced accuracy of a linear probe that names the source, left-out patients. Where
both classes are the same, only the source is to be seen.

| probe | images | balanced accuracy | chance |
| --- | --- | --- | --- |
{probes}
"""


_TAIL = """## Data and licences

- DA (Chauhan, Chauhan, Rout, PLoS ONE 2014, doi:10.1371/journal.pone.0112980; National Institute of
  Tuberculosis and Respiratory Diseases, New Delhi), published for academic use: hence the weights
  are for research only, apart from the code's Apache-2.0.
- NIH ChestX-ray8 (NIH Clinical Center, no restrictions on use; Wang et al., CVPR 2017): half of the
  patients.
- covid-chestxray: half of the patients whose images are CC BY 3.0/4.0; none that forbids commercial
  use.
- TBX11K (CC BY 4.0; Liu et al., CVPR 2020): measured with, never taught.
- The golden inputs are synthetic.

## Known failures

- 52 + 52 adults of one hospital and one make of detector set calibration and threshold. Elsewhere
  the threshold must be set anew.
- Sensitivity for TBX11K's mostly subtle disease at this threshold is low (table above).
- Other pneumonias are often called suspected: it marks abnormal lung, not tuberculosis.
- “Suspected cavity” was never checked on a real cavity. On radiographs projected from CT with
  lesions put in, the marks found a third of what is affected and no cavity: extent and Timika score
  are lower bounds.
- Symmetric miliary disease, children, lateral views, prostheses: not measured.
- The score is a probability only at a prevalence of one half.
"""
