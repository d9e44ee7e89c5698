"""The hub's tables (SQLAlchemy; SQLite or PostgreSQL), its journal and its sealed objects."""
