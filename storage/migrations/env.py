"""What alembic runs: one transaction over the connection that `storage.migrate` (or a test) hands in."""

from alembic import context

from storage.shape import PARTS

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=PARTS[0].metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
