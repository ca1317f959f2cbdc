from .activation_map import draw_activation_maps, overlay
from .camera_confusion import (
    CameraConfusion,
    camera_confusion,
    draw_camera_confusion,
)
from .cluster_sheet import domain_cluster_sheet, draw_cluster_sheet
from .curves import draw_curves, read_scalars
from .embedding_map import draw_embedding_map, project, table_embedding_map
from .pictures import as_image, file_name, save_picture
from .rank_list import domain_rank_lists, draw_rank_lists, draw_table
from .run_curves import (
    LABEL_KEYS,
    RUN_KEYS,
    absent_curves,
    draw_runs,
    run_names,
    select_curves,
)
from .score_histogram import (
    describe_pairs,
    draw_score_histograms,
    read_pair_histograms,
)

# grad_cam.py is not here: it needs the models, the pictures do not.
__all__ = [
    'LABEL_KEYS', 'RUN_KEYS', 'CameraConfusion', 'absent_curves', 'as_image',
    'camera_confusion', 'describe_pairs', 'domain_cluster_sheet',
    'domain_rank_lists', 'draw_activation_maps', 'draw_camera_confusion',
    'draw_cluster_sheet', 'draw_curves', 'draw_embedding_map',
    'draw_rank_lists', 'draw_runs', 'draw_score_histograms', 'draw_table',
    'file_name', 'overlay', 'project', 'read_pair_histograms', 'read_scalars',
    'run_names', 'save_picture', 'select_curves', 'table_embedding_map'
]
