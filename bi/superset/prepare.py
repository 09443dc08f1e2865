"""Make what Superset keeps: its tables, roles and account, and what the export says.

Superset's Python runs it (start.py). It may be repeated: the export then replaces what is there.
"""

import sys
from pathlib import Path

from flask import g
from flask_migrate import upgrade
from superset.app import create_app

ACCOUNT = "admin"
#: Stands for the published file in the export.
ANY_FILE = "/path/to/published/footfall.duckdb"


def main(export: Path, published: Path) -> None:
    """Import the folder ``export``, asking the file ``published``."""
    app = create_app()
    with app.app_context():
        # Superset's own modules can only be imported within an application.
        from superset import appbuilder, security_manager
        from superset.commands.importers.v1.assets import ImportAssetsCommand

        upgrade()
        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        g.user = security_manager.find_user(ACCOUNT) or security_manager.add_user(
            ACCOUNT,
            first_name="Footfall",
            last_name="Admin",
            email="admin@localhost",
            role=security_manager.find_role("Admin"),
            password=(Path(app.config["DATA_DIR"]) / "admin_password").read_text(),
        )
        files = {
            str(path.relative_to(export)): path.read_text().replace(ANY_FILE, str(published))
            for path in export.rglob("*.yaml")
        }
        ImportAssetsCommand(files).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
