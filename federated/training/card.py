"""The model card, written from the measured figures."""

from __future__ import annotations

from federated.training.dr_tb import Trained

_MEANING = {
    "nih_normal": "NIH ChestX-ray8 “no finding” · false positives",
    "nih_pneumonia": "NIH ChestX-ray8 pneumonia, not TB · false positives",
    "covid_cxr": "covid-chestxray (COVID-19, other pneumonias, few normals) · false positives",
    "tbx11k_tb": "TBX11K tuberculosis (active or latent) · sensitivity",
}


def model_card(trained: Trained, version: str) -> str:
    """Return the card as Markdown."""
    found = trained.validation
    rows = "\n".join(
        f"| {_MEANING.get(t.name, t.name)} | {t.images} | {t.positive} |" for t in trained.transfer
    )
    by_seed = ", ".join(f"{value:.3f}" for value in found.auc_by_seed)
    return f"""# dr_tb {version}

**仅供研究，不得用于临床。 Not for clinical use.**

胸部正位 X 线片结核可疑度评分（0…1）与热图。 Suspicion score (0…1) and heat map for
tuberculosis on a frontal chest radiograph. "Positive" means "suspected, above the threshold".

## Network

Fixed oriented filter bank (four octaves, eight orientations, 16 kernels of 17 x 17), log energy on
8 x 8 cells of the aligned chest, left-right asymmetry, ridge logistic head (3168 trained weights),
Platt calibration on out-of-fold decisions. The heat map is each place's share of
the log odds, exactly.

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

The design (features, ridge) was chosen on the same 104 images among about seventy variants, whose
AUC lay between 0.83 (too strong a ridge) and 0.94, most above 0.91: the figure is optimistic by a
little. A published unseen test split exists and is not among the data here.

Transfer: share at or above the one threshold. Class and source are confounded in these sets; no AUC
across them is evidence, and none is given.

| set | images | share positive (Wilson 95 %) |
| --- | --- | --- |
{rows}

## Data and licences

Trained on DA (Chauhan, Chauhan, Rout, PLoS ONE 2014, doi:10.1371/journal.pone.0112980; National
Institute of Tuberculosis and Respiratory Diseases, New Delhi), published for academic use: the
weights are for research only, apart from the code's Apache-2.0. The golden inputs are synthetic.

## Known failures

- 52 + 52 adults of one hospital and one make of detector. Elsewhere the threshold must be set anew.
- Sensitivity for TBX11K's mostly subtle disease at this threshold is low (table above).
- Other pneumonias are often called suspected: it marks abnormal lung texture, not tuberculosis.
- Symmetric miliary disease, children, lateral views, prostheses: not measured.
- The score is a probability only at a prevalence of one half.
"""
