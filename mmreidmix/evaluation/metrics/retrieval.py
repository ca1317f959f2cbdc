"""Retrieval scores of one or several domains, as an MMEngine metric."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from inspect import Parameter, signature
from typing import Optional, Union

import numpy as np
from mmengine.evaluator import Evaluator
from mmengine.logging import print_log

from mmreidmix.camera_profiles import TESTED_PROFILES, CameraProfiles
from mmreidmix.checks import check_choice, check_count, check_device
from mmreidmix.evaluation.feature_table import FeatureTable
from mmreidmix.evaluation.functional.query_expansion import (
    check_expansion,
    expand_queries,
)
from mmreidmix.evaluation.functional.query_gallery import METRICS as DISTANCES
from mmreidmix.evaluation.functional.ranking import (
    COUNTS,
    RankingResult,
    rank,
)
from mmreidmix.evaluation.functional.reranking import (
    check_reranking,
    reranked_blocks,
)
from mmreidmix.evaluation.functional.single_gallery_shot import (
    single_gallery_shot,
)
from mmreidmix.registry import METRICS

from .base import FeatureMetric, complete_options


@dataclass(frozen=True)
class Variant:
    """One way of scoring a domain.

    Attributes:
        label (str): what follows the domain's name in the result keys.
        function (Callable): takes a :class:`QueryGallery` and the options.
        options (dict): of the function.
        standardised (bool): of features standardised per camera.
    """

    label: str
    function: Callable
    options: dict
    standardised: bool = False


@METRICS.register_module()
class ReIDMetric(FeatureMetric):
    """CMC, mAP and mINP of each domain of a :class:`RetrievalDataset`.

    The rules are those of :mod:`~.functional.ranking`.

    Result keys: '<domain>/mAP', '<domain>/mINP', '<domain>/rank-k' as
    fractions 0..1, '<domain>/queries', '<domain>/queries_without_match', and,
    with several domains, 'mean/mAP', ... over the domains. Results of query
    expansion and re-ranking come in addition, under names of their own:
    '<domain>+qe/mAP', '<domain>+rerank/mAP' or '<domain>+qe+rerank/mAP'.
    So do the means over drawn galleries of one image per identity:
    '<domain>+single-shot/rank-1', ... And so do all of these with embeddings
    standardised per camera: '<domain>+profiles/mAP', or
    '<domain>+tested-profiles/mAP' where the tested images gave the profiles.

    Args:
        metric (str): 'cosine' or 'euclidean'. Defaults to 'cosine'.
        cross_camera (bool): leave the query's identity in the query's camera
            out of its list. Defaults to True.
        ranks (Sequence[int]): the k of 'rank-k'. Defaults to (1, 5, 10).
        save_features (str, optional): see :class:`FeatureMetric`.
        rerank (dict, optional): also score k-reciprocal re-ranking with these
            options, see :func:`~.functional.reranking.reranked_blocks`;
            ``{}`` for its defaults. Defaults to None.
        query_expansion (dict, optional): also score expanded queries, see
            :func:`~.functional.query_expansion.expand_queries`. Defaults to
            None.
        single_shot (dict, optional): also draw galleries of one image per
            identity, with ``repeats`` and ``seed`` of
            :func:`~mmreidmix.evaluation.single_gallery_shot`; ``{}`` for its
            defaults. Defaults to None.
        camera_profiles (str | Sequence[str], optional): also score embeddings
            standardised by :class:`CameraProfiles`: of these files, one for
            each domain, whose name is the site of the profiles; or 'tested',
            which uses the tested images of a domain without their labels.
            Defaults to None.
        device (str): where features are compared, such as 'cuda'. Defaults to
            'cpu'.
        prefix (str, optional): put before the result keys.

    Raises:
        ValueError: an option is out of range; at :meth:`evaluate`, on every
            rank, what :func:`mmreidmix.evaluation.rank` raises.

    Attributes:
        rankings (dict[str, RankingResult]): values per query of the last
            evaluation, by what stands before the score in the result keys;
            filled in the main process.
    """

    def __init__(self,
                 metric: str = 'cosine',
                 cross_camera: bool = True,
                 ranks: Sequence = (1, 5, 10),
                 save_features: Optional[str] = None,
                 rerank: Optional[dict] = None,
                 query_expansion: Optional[dict] = None,
                 single_shot: Optional[dict] = None,
                 camera_profiles: Union[str, Sequence[str], None] = None,
                 device: str = 'cpu',
                 prefix: Optional[str] = None):
        super().__init__(save_features=save_features, prefix=prefix)
        check_choice(self, DISTANCES, metric=metric)
        check_count(self, 1, ranks=min(ranks, default=0))
        self.rerank = _options('rerank', rerank, reranked_blocks)
        self.query_expansion = _options('query_expansion', query_expansion,
                                        expand_queries)
        self.single_shot = _options('single_shot', single_shot,
                                    single_gallery_shot)
        if self.rerank is not None:
            check_reranking(**self.rerank)
        if self.query_expansion is not None:
            check_expansion(**self.query_expansion)
        if self.single_shot is not None:
            check_count('ReIDMetric: single_shot', 1,
                        repeats=self.single_shot['repeats'])
        check_device(self, device)
        if rerank is not None or query_expansion is not None:
            check_choice('ReIDMetric with rerank or query_expansion',
                         ('cosine', ), metric=metric)
        self.camera_profiles = camera_profiles
        self.profiles = _read_profiles(camera_profiles)
        self.device = device
        self.metric = metric
        self.cross_camera = cross_camera
        self.ranks = tuple(ranks)
        self.rankings = {}

    def compute_metrics(self, results: FeatureTable) -> dict:
        """See :class:`FeatureMetric`; one table is logged."""
        variants = self.variants()
        found = {variant.label: {} for variant in variants}
        tables = {False: results}
        if self.camera_profiles is not None:
            own = self.profiles_of(results.domains.tolist())
            tables[True] = results.standardised(own or None)
        for standardised, table in tables.items():
            for name in map(str, table.domains):
                images = table.query_gallery(
                    name, metric=self.metric, cross_camera=self.cross_camera,
                    device=self.device)
                for variant in variants:
                    if variant.standardised == standardised:
                        found[variant.label][name + variant.label] = (
                            variant.function(images, **variant.options))
        summaries, self.rankings = {}, {}
        for label, scored in found.items():
            own = {name: self._without_spread(result.summary(self.ranks))
                   for name, result in scored.items()}
            if len(own) > 1:
                own[f'mean{label}'] = _mean(list(own.values()))
            summaries.update(own)
            self.rankings.update(
                {name: result for name, result in scored.items()
                 if isinstance(result, RankingResult)})
        print_log('\n' + format_table(summaries), logger='current')
        return {
            f'{name}/{key}': value
            for name, summary in summaries.items()
            for key, value in summary.items()
        }

    def variants(self) -> list[Variant]:
        """How each domain is scored: plainly, and as the options say."""
        variants = [Variant('', rank, {})]
        label, options = '', {}
        if self.query_expansion is not None:
            label += '+qe'
            options['query_expansion'] = self.query_expansion
        if self.rerank is not None:
            label += '+rerank'
            options['rerank'] = self.rerank
        if options:
            variants.append(Variant(label, rank, options))
        if self.single_shot is not None:
            variants.append(Variant('+single-shot', single_gallery_shot,
                                    self.single_shot))
        if self.camera_profiles is None:
            return variants
        mark = '+profiles' if self.profiles else TESTED_PROFILES
        return variants + [
            replace(variant, label=mark + variant.label, standardised=True)
            for variant in variants]

    def profiles_of(self, names: Sequence[str]) -> list[CameraProfiles]:
        """Profiles of files for domains, none if they are of no files.

        Raises:
            ValueError: there is no file for a domain.
        """
        if self.profiles is None:
            return []
        absent = [name for name in names if name not in self.profiles]
        if absent:
            raise ValueError(
                f'no camera profiles of the domains {absent}; the files are '
                f'of the sites {sorted(self.profiles)}. Give a file for each '
                'domain, or test on others')
        return [self.profiles[name] for name in names]

    def _without_spread(self, summary: dict) -> dict:
        # The spread of a split is that over draws; a result has one spread,
        # that over splits.
        known = ('mAP', 'mINP', *(f'rank-{k}' for k in self.ranks), *COUNTS)
        return {key: summary[key] for key in known if key in summary}


def find_metric(evaluator: Evaluator, user: str) -> ReIDMetric:
    """The first :class:`ReIDMetric` of an evaluator.

    Args:
        evaluator (Evaluator): of a validation or a test.
        user (str): who needs it, for the message.

    Raises:
        ValueError: there is none.
    """
    for metric in evaluator.metrics:
        if isinstance(metric, ReIDMetric):
            return metric
    raise ValueError(f'{user} needs a ReIDMetric in the evaluator')


def format_table(summaries: dict) -> str:
    """Aligned text of scores, in percent.

    Args:
        summaries (dict[str, dict]): by domain, scores as fractions and the
            counts 'queries' and 'queries_without_match' (a row without them
            shows a dash, and so does one without a score).

    Returns:
        str: a header, a rule and one line per domain.
    """
    scores = [k for k in next(iter(summaries.values())) if k not in COUNTS]
    lines = [['domain', 'queries', 'without match', *scores]]
    for name, summary in summaries.items():
        lines.append([name] + [str(summary.get(k, '-')) for k in COUNTS] +
                     [f'{100 * summary[k]:.2f}' if k in summary else '-'
                      for k in scores])
    widths = [max(map(len, column)) for column in zip(*lines)]
    texts = [
        '  '.join([line[0].ljust(widths[0])] +
                  [cell.rjust(w) for cell, w in zip(line[1:], widths[1:])])
        for line in lines
    ]
    return '\n'.join([texts[0], '-' * len(texts[0]), *texts[1:]])


def _options(name: str, given: Optional[dict],
             function: Callable) -> Optional[dict]:
    """Options of a function, those that are absent as it sets them."""
    return complete_options(f'ReIDMetric: {name}', given, {
        key: parameter.default
        for key, parameter in signature(function).parameters.items()
        if parameter.kind == Parameter.KEYWORD_ONLY
    })


def _read_profiles(given: Union[str, Sequence[str], None]
                   ) -> Optional[dict[str, CameraProfiles]]:
    """Profiles of files by site; None where there is no file."""
    if given in (None, 'tested'):
        return None
    if isinstance(given, str) or not given:
        raise ValueError("ReIDMetric: camera_profiles must be 'tested' or a "
                         f'list of files, got {given!r}')
    found: dict[str, CameraProfiles] = {}
    for file in given:
        profiles = CameraProfiles.load(file)
        if profiles.site in found:
            raise ValueError(f'two of the files {list(given)} are of the '
                             f'site {profiles.site!r}')
        found[profiles.site] = profiles
    return found


def _mean(summaries: list[dict]) -> dict:
    return {
        key: float(np.mean([summary[key] for summary in summaries]))
        for key in summaries[0] if key not in COUNTS
    }
