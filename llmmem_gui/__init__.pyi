from llmmem_gui.service.worker import WorkerService as WorkerService

__version__: str
