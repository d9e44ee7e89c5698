"""Models of the appliance: kept, chosen, tried beside the active one."""
