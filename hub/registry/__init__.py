"""Who takes part: hospitals, devices, people, their keys and the signed directory of them."""
