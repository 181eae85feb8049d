"""What pyproject.toml cannot say: a wheel has, in pipeline/template, what a project begins with."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["lazyleap*", "stages*", "pipeline*"]), "pipeline.template"],
    package_dir={"pipeline.template": "."},
    package_data={
        "lazyleap": ["py.typed"],
        "stages.reporting": ["*.css", "*.js", "*.j2"],
        "pipeline": ["recipes/*.yaml"],
        "pipeline.template": [
            *("params.yaml", "dvc.yaml", "prefect.toml", "requirements.lock"),
            *(".dvcignore", ".gitignore", ".dvc/.gitignore"),
            *("data/dvc.yaml", "data/datasets.yaml", "data/splits/**/*"),
            *("extensions/README.md", "grids/*/params.yaml", "examples/adapt.py"),
        ],
    },
)
