"""What the doctor finds: how many, where, examples, what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

LEVELS = ('error', 'warning', 'note')
MOST_EXAMPLES = 5


class Kind(NamedTuple):
    """What a finding is about, and what to do."""

    title: str
    advice: str


#: All findings that there are, by name.
KINDS = {
    # labels
    'counts': Kind(
        'Images, identities or cameras are not those of the public set',
        'Get the missing files, or give the set another `name`: its results '
        'are not those of the public set.'),
    'train_images_in_test': Kind(
        'Training images that are test images too',
        'Hold the tested people out of the training with `pid_range`, or '
        'train on another subset.'),
    'identities_in_train_and_test': Kind(
        'Tested identities that are in the training images too',
        'Split by identity, or hold them out of the training with '
        '`pid_range`.'),
    'queries_without_match': Kind(
        'Queries without a match in the gallery',
        'Add images of these people by another camera to the gallery, or take '
        'the queries out. They are not scored.'),
    'identities_in_one_camera': Kind(
        'Training identities of several images, all by one camera',
        'Read the option or pattern that tells the camera again. If it is '
        'right: such people teach nothing about a change of camera.'),
    'identities_of_one_image': Kind(
        'Training identities of one image',
        'Add images, or leave them out: they have no positive pair.'),
    'class_imbalance': Kind(
        'Identities with more than ten times the usual number of images',
        'Look whether several people have one number. If not, leave images '
        'out.'),
    'camera_per_image': Kind(
        'As many cameras as images, or nearly',
        'Read the option or pattern that tells the camera again: it seems to '
        'take the number of the image.'),
    'tracklets_of_one_image': Kind(
        'Tracklets of one image',
        'Read the option or pattern that tells the tracklet again, or join '
        'the tracklets.'),
    'tracklets_of_several_people': Kind(
        'Tracklets with images of several people',
        'Split them, or correct the identities.'),
    # images
    'empty_files': Kind(
        'Empty files',
        "Copy them again, or set bad_images='skip'."),
    'truncated_images': Kind(
        'Images that are cut short',
        "Copy them again, or set bad_images='skip'."),
    'unreadable_images': Kind(
        'Files that can not be read as an image',
        "Replace them, or set bad_images='skip'."),
    'blank_images': Kind(
        'Images of one colour',
        'Take them out: they show nobody.'),
    'unusual_size': Kind(
        'Images of less than a quarter or more than four times the usual '
        'height or width',
        'Look whether they are whole frames or bad boxes, and take these '
        'out.'),
    'unusual_aspect': Kind(
        'Images much wider or narrower than usual',
        'Look whether they are bad boxes, and take these out.'),
    'duplicates_in_train_and_test': Kind(
        'Test images with a copy among the training images',
        'Take them out of the training: the test is not honest.'),
    'duplicates_across_domains': Kind(
        'Images with a copy in another domain',
        'Keep one of the two: its person is two identities.'),
    'exact_duplicates': Kind(
        'Images with a copy in their domain',
        'Keep one of them; correct the labels where they differ.'),
    # near duplicates and outliers
    'near_duplicates_in_train_and_test': Kind(
        'Test images that are nearly the same as a training image',
        'Look at the pairs. Take the same photo out of the training: the test '
        'is not honest.'),
    'near_duplicates_across_domains': Kind(
        'Images that are nearly the same as one of another domain',
        'Look at the pairs. Keep one of two: its person is two identities.'),
    'near_duplicates_of_other_identities': Kind(
        'Images that are nearly the same as one of another identity',
        'Look at the pairs. Correct the identities where they show one '
        'person.'),
    'same_frame_in_cameras': Kind(
        'Images that are nearly the same as one of another camera',
        'Look at the pairs. The same frame can not be of two cameras: correct '
        'the camera numbers.'),
    'many_near_duplicates': Kind(
        'Images that are nearly the same as one of their person and camera',
        'Take fewer frames per second: more of the same teach little.'),
    'unlike_all_others': Kind(
        'Images unlike all others',
        'Look whether they show a person, and take them out if not.'),
}


class Example(NamedTuple):
    """One case of a finding.

    Attributes:
        images (tuple[str]): addresses, the image in question first, then the
            one that it is like.
        text (str): what is to be said of it, such as the identity.
    """

    images: tuple[str, ...] = ()
    text: str = ''


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or good to know, in one place.

    Attributes:
        name (str): a key of :data:`KINDS`.
        level (str): 'error': a run breaks or its result is wrong; 'warning':
            a model gets worse or a result less honest; 'note': to know.
        where (str): domain and subset, or domains.
        count (int): how many.
        total (int): of how many.
        examples (Sequence[Example]): up to :data:`MOST_EXAMPLES`.
        detail (str): more to say; may be empty.
    """

    name: str
    level: str
    where: str
    count: int
    total: int
    examples: Sequence[Example] = ()
    detail: str = ''

    @property
    def advice(self) -> str:
        """What to do."""
        return KINDS[self.name].advice

    @property
    def headline(self) -> str:
        """What it is, how many and where."""
        return (f'{self.where}: {KINDS[self.name].title}: {self.count:,} of '
                f'{self.total:,}')
