"""A product that sends CloudEvents, made by their Python SDK: `cloudevents_app.py URL KEY`."""
