"""The commands of ``lazyleap`` that look at results, use models, and begin and check projects.

Each is thin: what it says comes from the library, the stages and the flow.
"""
