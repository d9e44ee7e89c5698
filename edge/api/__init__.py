"""HTTP for the hospital: the page's JSON, DICOMweb, uploads. Wiring is in ``app``."""
