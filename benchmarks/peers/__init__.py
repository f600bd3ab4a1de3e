"""Other systems that find shared identifiers, each in an environment of its own, run as their authors intend.

docs/benchmarks.md says how to add one. The scripts openmined_party.py and secretflow_party.py run in those
environments: they import nothing of this project.
"""
