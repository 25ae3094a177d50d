"""Creates many models in one step of the migration's state: rendering it after each of 70 takes longer than the rest."""

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState


class CreateTogether(Operation):
    """Applies operations that only create models and fields, and creates the tables in their final form.

    Foreign keys are added when the schema editor closes, so the order of the tables does not matter.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(self, operations: list[Operation]) -> None:
        self.operations = operations

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Add the models; the state is rendered once, when it is asked for next."""
        state.clear_delayed_apps_cache()
        state.__dict__.pop("apps", None)
        for operation in self.operations:
            operation.state_forwards(app_label, state)

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Create the tables."""
        for model in to_state.apps.get_app_config(app_label).get_models():
            schema_editor.create_model(model)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Drop the tables, constraints first."""
        tables = [
            schema_editor.quote_name(model._meta.db_table)
            for model in from_state.apps.get_app_config(app_label).get_models(
                include_auto_created=True
            )
        ]
        schema_editor.execute(f"DROP TABLE {', '.join(tables)} CASCADE")

    def describe(self) -> str:
        """Say what is done."""
        return f"Create {len(self.operations)} models and fields together"
