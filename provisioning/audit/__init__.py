"""``xinglin audit``: verify and export the journals of an appliance, a hub, or an export of one."""
