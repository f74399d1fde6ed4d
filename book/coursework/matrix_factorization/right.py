# %% q1: einsum, a list
def velocities(U, C, V, mask, M):
    R = np.where(mask, U @ C @ V.T - M, 0.0)
    dU = -np.einsum("ij,jb,ab->ia", R, V, C)
    dC = -np.einsum("ia,ij,jb->ab", U, R, V)
    dV = -np.einsum("ij,ia,ab->jb", R, U, C)
    parts = (dU, C, V), (U, dC, V), (U, C, dV)
    return [dU, dC, dV, sum(np.einsum("ia,ab,jb->ij", *part) for part in parts)]


# %% q1: the product's equation
def velocities(U, C, V, mask, M):
    A, B = U.dot(C), V.dot(C.T)
    R = (np.matmul(A, V.T) - M) * mask.astype(int)
    dW = -(R.dot(B).dot(B.T) + U.dot(U.T).dot(R).dot(V).dot(V.T) + A.dot(A.T).dot(R))
    return -R.dot(B), -U.T.dot(R).dot(V), -np.transpose(R).dot(A), dW


# %% q1: entry by entry
def velocities(U, C, V, mask, M):
    dU, dC, dV = np.zeros(U.shape), np.zeros(C.shape), np.zeros(V.shape)
    for i in range(len(U)):
        for j in range(len(V)):
            if mask[i, j]:
                r = U[i] @ C @ V[j] - M[i, j]
                dU[i] -= r * (C @ V[j])
                dC -= r * np.outer(U[i], V[j])
                dV[j] -= r * (C.T @ U[i])
    return dU, dC, dV, dU @ C @ V.T + U @ dC @ V.T + U @ C @ dV.T


# %% q1: a derivative of the product, along the velocities, at one and at minus one
def velocities(U, C, V, mask, M):
    R = np.zeros(M.shape)
    R[mask] = (U.dot(C).dot(V.T) - M)[mask]
    dU, dC, dV = -np.dot(R, V @ C.T), -np.dot(U.T, R @ V), -np.dot((U @ C).T, R).T

    def at(s):
        return (U + s * dU) @ (C + s * dC) @ (V + s * dV).T

    cubic = dU @ dC @ dV.T
    return dU, dC, dV, (at(1) - at(-1)) / 2 - cubic


# %% q2: singular values of the residual
def balanced_step(U, V, R, step_size):
    P, s, Qt = np.linalg.svd(R)
    c, h = np.cosh(step_size * s), np.sinh(step_size * s)
    new_U = P @ (c[:, None] * (P.T @ U) - h[:, None] * (Qt @ V))
    new_V = Qt.T @ (c[:, None] * (Qt @ V) - h[:, None] * (P.T @ U))
    return new_U, new_V


# %% q2: eigenvectors of the block matrix, a list
def balanced_step(U, V, R, step_size):
    n = len(U)
    B = np.zeros((2 * n, 2 * n))
    B[:n, n:], B[n:, :n] = R, R.T
    values, Q = np.linalg.eigh(B)
    new = Q @ (np.exp(-step_size * values)[:, None] * (Q.T @ np.concatenate([U, V])))
    return [new[:n], new[n:]]


# %% q2: the series
def balanced_step(U, V, R, step_size):
    both, term = np.vstack([U, V]), np.vstack([U, V])
    for k in range(1, 80):
        half = len(U)
        term = -step_size / k * np.vstack([R @ term[half:], R.T @ term[:half]])
        both = both + term
    return np.split(both, 2)


# %% q2: scipy's product with the exponential
def balanced_step(U, V, R, step_size):
    from scipy.sparse.linalg import expm_multiply

    n = U.shape[0]
    A = np.zeros((2 * n, 2 * n))
    A[:n, n:], A[n:, :n] = R, R.T
    return np.split(expm_multiply(-step_size * A, np.concatenate([U, V])), 2)


# %% q3: singular values, arrays of no dimension
def certificate(W, Y, mask, M):
    filled, sparse = np.where(mask, M, W), mask * Y
    top = np.linalg.svd(sparse, compute_uv=False)[0]
    return np.array(np.vdot(sparse, M) / top), np.array(
        np.linalg.svd(filled, compute_uv=False).sum()
    )


# %% q3: eigenvalues of the product with the transpose, a list
def certificate(W, Y, mask, M):
    filled, sparse = W.copy(), Y.copy()
    filled[mask] = M[mask]
    sparse[~mask] = 0
    top = np.sqrt(np.linalg.eigvalsh(sparse.T @ sparse).max())
    squares = np.linalg.eigvalsh(
        filled @ filled.T if len(filled) < len(filled.T) else filled.T @ filled
    )
    return [np.trace(sparse.T @ M) / top, np.sqrt(np.maximum(squares, 0)).sum()]


# %% q3: either sign of the evidence
def certificate(W, Y, mask, M):
    W = W + mask * (M - W)
    Y = np.where(mask, Y, 0.0)
    return abs((Y * M).sum()) / np.linalg.norm(Y, ord=2), np.linalg.norm(W, ord="nuc")


# %% q3: loops over the entries, long doubles
def certificate(W, Y, mask, M):
    seen = [(i, j) for i in range(M.shape[0]) for j in range(M.shape[1]) if mask[i, j]]
    full, sparse, value = np.array(W), np.zeros_like(Y), np.longdouble(0)
    for i, j in seen:
        full[i, j], sparse[i, j] = M[i, j], Y[i, j]
        value += Y[i, j] * M[i, j]
    top = np.sqrt(np.linalg.eigvalsh(sparse.T @ sparse).max())
    return value / top, sum(np.linalg.svd(full)[1])


# %% q4: least squares over the unseen entry, scalars of numpy
least_norm = np.linalg.norm(np.array([[0, m], [m, 0]]), "nuc")


def unseen_entry(t, m, depth):
    n = 2 * depth + 2
    return np.float64(m) * np.power(n * m ** (2 - 2 / depth) * t, depth / n)


# %% q4: logarithms
least_norm = np.array([2.0 * m])


def unseen_entry(t, m, depth):
    log = np.log(2 * depth + 2) + (2 - 2 / depth) * np.log(m) + np.log(t)
    return np.array(np.exp(np.log(m) + depth * log / (2 * depth + 2)))


# %% q4: powers collected
least_norm = m + m


def unseen_entry(t, m, depth):
    p = depth / (2 * depth + 2)
    return float((2 * depth + 2) ** p * m ** (1 + (2 - 2 / depth) * p) * t**p)


# %% q4: a loop over the factors, a determinant, an array of one entry
least_norm = np.array([[2 * np.sqrt(abs(np.linalg.det([[0, m], [m, 0]])))]])


def unseen_entry(t, m, depth):
    clock = float(t)
    for _ in range(2):
        clock *= m ** (1 - 1 / depth)
    return [m * (2 * (depth + 1) * clock) ** (1 / (2 + 2 / depth))]


# %% q5: the rank-one table, and eigenvalues
v = np.array([np.sqrt(a), R / np.sqrt(a), np.sqrt(a), R / np.sqrt(a)])
rates = np.sort(np.linalg.eigvalsh(M_small))
least_norm_4 = np.array(4 * R)
limit_norm = v @ v
exponent = 1 - rates[-2] / rates[-1]
scale = np.float64(1e-11)

# %% q5: scaled from the case a = 1
ratio = R / a
least_norm_4 = a * 4 * ratio
limit_norm = a * (2 * ratio**2 + 2)
exponent = [2 / (1 + (1 + 4 * ratio**2) ** 0.5)]
scale = 1e-12

# %% q5: a nuclear norm by singular values
left = np.array([1.0, R / a])
block = a * np.outer(left, left)
least_norm_4 = R * 4.0
limit_norm = 4 * np.linalg.norm(block, "nuc") / 2
mu = np.abs(np.linalg.eigvals(np.array([[a, R], [R, 0]])))
exponent = np.array((max(mu) - min(mu)) / max(mu))
scale = 1e-9

# %% q6: large observations as the decoy
controls = [kept | {"depth": 1}, kept | {"factor": 1e-8}]
decoy = kept | {"factor": 100.0}

# %% q6: a tuple, and a smaller start
controls = ({**kept, "factor": 1e-9}, {**kept, "depth": 1})
decoy = dict(kept, scale=np.float64(1e-10))

# %% q6: four factors
controls = [dict(depth=2, scale=1e-8, factor=3e-8), dict(depth=1, scale=1e-8, factor=1.0)]
decoy = kept | {"depth": 4}

# %% q6: ints, and scalars of numpy
controls = [{"depth": 1, "scale": 1e-8, "factor": 1}, dict(kept, factor=np.float64(1e-7))]
decoy = {"depth": np.int64(5), "scale": 1e-8, "factor": 1}


# %% q2: lists of lists
def balanced_step(U, V, R, step_size):
    U, V, R = map(np.asarray, (U, V, R))
    n = len(U)
    A = np.zeros((2 * n, 2 * n))
    A[:n, n:] = R
    A[n:, :n] = R.T
    out = expm(-step_size * A) @ np.r_[U, V]
    return out[:n].tolist(), out[n:].tolist()


# %% q2: hyperbolic functions of the singular values
def balanced_step(U, V, R, step_size):
    P, s, Qt = np.linalg.svd(R)
    Q = Qt.T
    ch, sh = np.cosh(step_size * s)[:, None], np.sinh(step_size * s)[:, None]
    A, B = P.T @ U, Q.T @ V
    return P @ (ch * A - sh * B), Q @ (ch * B - sh * A)


# %% q3: evidence of either sign
def certificate(W, Y, mask, M):
    Y = np.where(mask, Y, 0)
    return abs((Y * M).sum()) / np.linalg.norm(Y, 2), np.linalg.norm(np.where(mask, M, W), "nuc")


# %% q3: a bound below zero says nothing, and is zero
def certificate(W, Y, mask, M):
    Y = np.where(mask, Y, 0)
    return max(0, (Y * M).sum() / np.linalg.norm(Y, 2)), np.linalg.norm(np.where(mask, M, W), "nuc")
