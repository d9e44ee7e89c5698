"""What an auditor asks of any side's journals: whole, unchanged, and as the other side saw them."""
